-- limit: what the state changes of a claim and a completion cost Redis, with nothing around them
-- from   queued
-- to     completed
-- KEYS   1 the queue's beginning
-- ARGV   jobs at most
-- reply  how many there were
-- Each job is taken from the line, read, marked as running and listed with its runner; read again, marked as
-- completed with its result, taken off the runner's list and put on the list of completed ones. One field a fact,
-- as a status hash is written when nothing is packed: state, attempt, version, runner, times, result.
local call, base = redis.call, KEYS[1]
local tokens = call('LPOP', base .. 'line', ARGV[1])
if not tokens then return 0 end
local time = call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
call('SADD', base .. 'running', unpack(tokens))
for index = 1, #tokens do
  local key = base .. 'job:' .. tokens[index]
  local fields = call('HMGET', key, 's', 'p', 'a', 'v')
  if fields[1] ~= 'queued' then return redis.error_reply('a job in line is not queued') end
  call('HSET', key, 's', 'running', 'a', 1, 'v', 2, 'r', 'runner', 'b', now)
end
for index = 1, #tokens do
  local key = base .. 'job:' .. tokens[index]
  local fields = call('HMGET', key, 's', 'a', 'v')
  if fields[1] ~= 'running' or fields[2] ~= '1' then return redis.error_reply('a job lost its attempt') end
  call('HSET', key, 's', 'completed', 'e', now, 'v', 3, 'y', 1)
end
call('RPUSH', base .. 'completed', unpack(tokens))
call('SREM', base .. 'running', unpack(tokens))
call('HINCRBY', base .. 'statistics', 'completed', #tokens)
return #tokens
