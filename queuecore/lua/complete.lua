-- complete: accept an attempt's result
-- from   running
-- to     completed
-- flags  allow-oom
-- ARGV   (part of advance) payload: result (msgpack)
local completed = {}

local function complete(token, attempt, result, now)
  local fields = owned(token, attempt)
  if not fields then return false end
  local key, version = base .. K_JOB .. token, (fields[3] or 1) + 1
  call('HSET', key, STATE, 'completed', FINISHED, now, VERSION, version, RESULT, result)
  completed[#completed + 1] = token
  if fields[4] then
    notify(fields[4], token, version)
    call('HDEL', key, WATCH)
  end
  return true
end
