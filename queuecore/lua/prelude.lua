-- prelude: what every script begins with; the words (STATE, K_JOB, ...) come from keys.py
-- KEYS   1 the common beginning of the queue's keys, such as qc:{default}:
local call = redis.call
local base = KEYS[1]
local LINE_NAMES = { 'urgent', 'high', 'normal', 'low' }

local function clock_ms()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function job_key(token)
  return base .. K_JOB .. token
end

local function count(counter, n)
  if n > 0 then call('HINCRBY', base .. K_STATISTICS, counter, n) end
end

-- Calls a command with a list of any length; unpack() alone fails at about 8000 values.
local function call_with_all(command, key, values)
  for first = 1, #values, 1000 do
    call(command, key, unpack(values, first, math.min(first + 999, #values)))
  end
end

-- A job's number in its line never changes while it waits: its index in the list is the number
-- minus how many have left the head. So place and removal need no search.
local function line_start(line)
  return tonumber(call('HGET', base .. K_LINES, line) or 0)
end

local function next_number(line)
  return line_start(line) + call('LLEN', base .. K_LINE_OF .. line)
end

local function to_back(line, token)
  local number = next_number(line)
  call('RPUSH', base .. K_LINE_OF .. line, token)
  return number
end

local function to_front(line, token)
  call('LPUSH', base .. K_LINE_OF .. line, token)
  return call('HINCRBY', base .. K_LINES, line, -1)
end

-- Sorts tokens so that pushing them to the front one by one leaves the one that waited longest in front.
local function sort_latest_first(tokens)
  local numbers = {}
  for _, token in ipairs(tokens) do numbers[token] = tonumber(call('HGET', job_key(token), SEQ) or 0) end
  table.sort(tokens, function(a, b) return numbers[a] > numbers[b] end)
end

-- Takes a waiting job out of its line. Its entry becomes an empty one, so that all others keep their index.
local function leave_line(line, token, number)
  local key = base .. K_LINE_OF .. line
  local index = tonumber(number) - line_start(line)
  if index >= 0 and call('LINDEX', key, index) == token then
    call('LSET', key, index, '')
    call('HINCRBY', base .. K_LINES, line .. '.holes', 1)
  end
end

-- How many jobs stand in all lines.
local function in_line()
  local n = 0
  for _, line in ipairs(LINE_NAMES) do
    n = n + call('LLEN', base .. K_LINE_OF .. line) - (call('HGET', base .. K_LINES, line .. '.holes') or 0)
  end
  return n
end

local function next_due_ms(now)
  local first = call('ZRANGE', base .. K_SCHEDULED, 0, 0, 'WITHSCORES')
  return first[1] and math.max(0, first[2] - now) or -1
end

-- A runner that was given up stays listed, with nothing said of it, until its last job is taken from it.
local function is_registered(runner)
  local said = call('HGET', base .. K_RUNNERS, runner)
  return said and said ~= ''
end

-- Tells one idle runner that there is work. A runner that cannot hear is passed over for the next.
local function wake_one()
  while true do
    local runner = call('SPOP', base .. K_IDLE)
    if not runner then return end
    if call('PUBLISH', base .. K_CONTROL .. runner, 'work') > 0 then return end
  end
end

-- Tells the clients that wait for this job that it changed; `watchers` is the job's WATCH field.
local function notify(watchers, token, version)
  if not watchers then return end
  for client in string.gmatch(watchers, '%S+') do
    call('PUBLISH', base .. K_CHANGED .. client, token .. ' ' .. version)
  end
end

-- The running job's fields if `attempt` still owns it, else nil. Order: see the unpacking callers.
local function owned(token, attempt, ...)
  local fields = call('HMGET', job_key(token), STATE, ATTEMPT, VERSION, WATCH, ...)
  if fields[1] == 'running' and fields[2] == attempt then return fields end
  return nil
end

-- Appends an ended, unsuccessful attempt to the job's history. `problem` is JSON text or 'null'.
local function remember(token, attempt, runner, started, ended, outcome, problem)
  local key = base .. K_HISTORY .. token
  call('RPUSH', key, '{"attempt":' .. attempt .. ',"runner":' .. cjson.encode(runner or '') .. ',"started_ms":' .. (started or 0)
    .. ',"ended_ms":' .. ended .. ',"outcome":"' .. outcome .. '","error":' .. problem .. '}')
  call('LTRIM', key, -HISTORY_LENGTH, -1)
end

-- Ends a job without a result: `state` is failed or cancelled. The place it had is the caller's to clear.
local function close(token, state, now, version, watchers)
  local key = job_key(token)
  call('HSET', key, STATE, state, FINISHED, string.format('%.0f', now), VERSION, version)
  call('HDEL', key, WATCH, CANCEL, DUE)
  call('ZADD', base .. (state == 'failed' and K_FAILED or K_CANCELLED), now, token)
  count(state, 1)
  notify(watchers, token, version)
end
