-- reconcile: jobs that are in a runner's set but not in its memory are given back
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   runner, then pairs of token · attempt that it knows
-- reply  the tokens that were given back
local runner = ARGV[1]
local known = {}
for index = 2, #ARGV, 2 do known[ARGV[index]] = ARGV[index + 1] end
local now = integer(clock_ms())
local released = {}
local names = call('SMEMBERS', base .. K_RUNNING .. runner)
sort_latest_first(names)
for _, name in ipairs(names) do
  local token, attempt = split_name(name)
  local job = owned(token, attempt)
  if not (job and job.runner == runner) then
    call('SREM', base .. K_RUNNING .. runner, name)
  elseif known[token] ~= attempt then
    release(token, attempt, '', now)
    call('SREM', base .. K_RUNNING .. runner, name)
    released[#released + 1] = token
  end
end
wake_pushed()
return released
