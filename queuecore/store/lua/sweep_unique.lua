-- sweep_unique: check that names are held by jobs that live and have them, and free those that are not
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   pairs of name · token of its holder, as somebody has just seen them
-- reply  the names that nobody held any more
local repaired = {}
for at = 1, #ARGV, 2 do
  local name, token = ARGV[at], ARGV[at + 1]
  local job = read(token, TIES, WAITS)
  local unique = job and not FINAL[job.state] and ties_of(job).unique
  local holds = unique and unique.name == name and not waits_for_name(job) and not (unique.started and job.state == 'running')
  if not holds and call('HGET', base .. K_UNIQUE, name) == token then
    hand_name_on(name)
    repaired[#repaired + 1] = name
  end
end
wake_pushed()
return repaired
