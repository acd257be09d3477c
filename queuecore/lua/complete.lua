-- complete: accept an attempt's result
-- from   running
-- to     completed
-- flags  allow-oom
-- ARGV   (part of advance) payload: result (msgpack)
local completed = {}

local function complete(token, attempt, result, now)
  local key = base .. K_JOB .. token
  if call('HGET', key, STATE) ~= 'running ' .. attempt then return false end
  call('HSET', key, STATE, 'completed ' .. attempt, FINISHED, now, RESULT, result)
  completed[#completed + 1] = token
  return true
end
