-- reconcile: jobs that are in a runner's set but not in its memory are given back
-- uses   release
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   runner, then pairs of token · attempt that it knows
-- reply  the tokens that were given back
local runner = ARGV[1]
local known = {}
for index = 2, #ARGV, 2 do known[ARGV[index]] = ARGV[index + 1] end
local now = integer(clock_ms())
local released = {}
local tokens = call('SMEMBERS', base .. K_RUNNING .. runner)
sort_latest_first(tokens)
for _, token in ipairs(tokens) do
  local job = read(token)
  local is_owner = job and job.state == 'running' and job.runner == runner
  if not is_owner then
    call('SREM', base .. K_RUNNING .. runner, token)
  elseif known[token] ~= job.attempt then
    release(token, job.attempt, now)
    call('SREM', base .. K_RUNNING .. runner, token)
    released[#released + 1] = token
  end
end
if #released > 0 then wake_one() end
return released
