-- prelude: what every script begins with; the words (STATE, K_JOB, ...) stand for literals, see keys.py
-- KEYS   1 the common beginning of the space's keys, such as qc:{main}:
local call = redis.call
local base = KEYS[1]
local URGENCIES = { 'urgent', 'high', 'normal', 'low' }
local RUNS = { 'async', 'thread', 'process' }
local FINAL = { completed = true, failed = true, cancelled = true }

-- A whole number as text; left to itself Redis makes it text as a fraction, which takes four times as long.
local function integer(n)
  return string.format('%d', n)
end

local function clock_ms()
  local time = call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- What an attempt is called in its runner's set and between runner and Redis: the token of its job, and the
-- number of the attempt behind it if it is not the first.
local function name_of(token, attempt)
  return attempt == '1' and token or token .. ':' .. attempt
end

local function split_name(name)
  if #name == TOKEN_LENGTH then return name, '1' end
  return string.sub(name, 1, TOKEN_LENGTH), string.sub(name, TOKEN_LENGTH + 2)
end

local function job_key(token)
  return base .. K_JOB .. token
end

local function count(counter, n)
  if n > 0 then call('HINCRBY', base .. K_STATISTICS, counter, integer(n)) end
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

-- How many jobs this call has put back in each line: somebody is to hear of them, see wake_pushed.
local pushed = {}

local function push(command, line, token)
  if call(command, base .. K_LINE_OF .. line, token) == 1 then call('SADD', base .. K_OPEN, line) end
  pushed[line] = (pushed[line] or 0) + 1
end

local function to_back(line, token)
  local number = next_number(line)
  push('RPUSH', line, token)
  return number
end

local function to_front(line, token)
  push('LPUSH', line, token)
  return call('HINCRBY', base .. K_LINES, line, -1)
end

-- Sorts names so that pushing their jobs to the front one by one leaves the one that waited longest in front.
local function sort_latest_first(names)
  local numbers = {}
  for _, name in ipairs(names) do numbers[name] = tonumber(call('HGET', job_key((split_name(name))), SEQ) or 0) end
  table.sort(names, function(a, b) return numbers[a] > numbers[b] end)
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

-- The lines of one class of slot in some queues, the first queue's first, in each the most urgent first.
local function lines_of(queues, runs)
  local lines = {}
  for _, queue in ipairs(queues) do
    for _, urgency in ipairs(URGENCIES) do lines[#lines + 1] = queue .. ':' .. runs .. ':' .. urgency end
  end
  return lines
end

local function next_due_ms(now)
  local first = call('ZRANGE', base .. K_SCHEDULED, 0, 0, 'WITHSCORES')
  return first[1] and math.max(0, first[2] - now) or -1
end

-- A runner that was given up stays listed, with nothing said of it, until its last job is taken from it.
local function is_registered(runner)
  return call('HSTRLEN', base .. K_RUNNERS, runner) > 0
end

-- The runners that have room for the jobs of a line and found none: idle for its queue and class of slot.
local function idle_for(line)
  return base .. K_IDLE .. string.match(line, '^(.*):')
end

-- Tells one idle runner that there is work in a line. A runner that cannot hear is passed over for the next.
-- Returns whether there was one.
local function wake_one(line)
  local idle, runs = idle_for(line), string.match(line, ':(.*):')
  while true do
    local runner = call('SPOP', idle)
    if not runner then return false end
    if call('PUBLISH', base .. K_CONTROL .. runner, 'work ' .. runs) > 0 then return true end
  end
end

-- Tells idle runners of what this call has put back in line. One that finds more than it can take wakes the next.
local function wake_pushed()
  for line, n in pairs(pushed) do
    for _ = 1, math.min(n, 4) do
      if not wake_one(line) then break end
    end
  end
end

-- Takes a runner that ends off all lists of idle ones. Which those are, it has said when it registered.
local function leave_idle(runner)
  local said = call('HGET', base .. K_RUNNERS, runner)
  if not said or said == '' then return end
  for _, queue in ipairs(cjson.decode(said).queues or {}) do
    for _, runs in ipairs(RUNS) do call('SREM', base .. K_IDLE .. queue .. ':' .. runs, runner) end
  end
end

-- A job as a table: token, key, state, attempt (the number of claims so far, as text), changes, runner and started of the
-- latest claim, and the further fields asked for, under their own words. Nil when there is no such job.
local function read(token, ...)
  local key = job_key(token)
  local values = call('HMGET', key, STATE, CHANGES, CLAIMED, ...)
  if not values[1] then return nil end
  local job = { token = token, key = key, changes = tonumber(values[2] or 0) }
  job.state, job.attempt = string.match(values[1], '^(%a+) (%d+)$')
  job.runner, job.started = string.match(values[3] or ' 0', '^(.*) (%d+)$')
  for index, word in ipairs({ ... }) do job[word] = values[index + 3] end
  return job
end

-- The running job if `attempt` still owns it, else nil.
local function owned(token, attempt, ...)
  local job = read(token, ...)
  if job and job.state == 'running' and job.attempt == attempt then return job end
  return nil
end

-- Grows with every change. A claim counts by its attempt and completion by its state, so that these
-- two, which every job goes through, need not write it.
local function version_of(job)
  return 1 + job.attempt + job.changes + (job.state == 'completed' and 1 or 0)
end

-- Tells the clients that wait for this job that it changed; version 0 stands for a job that is gone. Clients with a `!`
-- wait for its end only, and are told a short result with it.
local function notify(token, version, state, result)
  local clients = call('HGET', base .. K_WATCHED, token)
  if not clients then return end
  local message = token .. ' ' .. integer(version)
  for client, only_end in string.gmatch(clients, '([^ !]+)(!?)') do
    if only_end == '' then
      call('PUBLISH', base .. K_CHANGED .. client, message)
    elseif version == 0 or FINAL[state] then
      local short = result and #result <= RESULT_IN_MESSAGE
      call('PUBLISH', base .. K_CHANGED .. client, short and message .. ' ' .. result or message)
    end
  end
end

-- The same for attempts that completed or were claimed together: one question when nobody waits for any job.
local function notify_all(...)
  if call('EXISTS', base .. K_WATCHED) == 0 then return end
  for _, names in ipairs({ ... }) do
    for _, name in ipairs(names) do
      local token = split_name(name)
      if call('HEXISTS', base .. K_WATCHED, token) == 1 then
        local job = read(token, RESULT)
        notify(token, version_of(job), job.state, job[RESULT])
        if job.state == 'completed' then call('HDEL', base .. K_WATCHED, token) end
      end
    end
  end
end

-- Writes that something about a job changed, with any pairs of field and value.
local function change(job, ...)
  job.changes = job.changes + 1
  call('HSET', job.key, CHANGES, integer(job.changes), ...)
  notify(job.token, version_of(job), job.state)
end

-- Writes a job's next state, with further pairs of field and value. The place it had is the caller's to clear.
local function move(job, state, ...)
  job.state = state
  change(job, STATE, state .. ' ' .. job.attempt, ...)
end

-- Ends a job without a result: `state` is failed or cancelled; `now` is a number or its text.
local function close(job, state, now, ...)
  call('HDEL', job.key, CANCEL, DUE)
  call('ZADD', base .. (state == 'failed' and K_FAILED or K_CANCELLED), now, job.token)
  move(job, state, FINISHED, now, ...)
  call('HDEL', base .. K_WATCHED, job.token)
  count(state, 1)
end

-- Appends the job's latest attempt, ended and unsuccessful, to its history. `problem` is JSON text or 'null'.
local function remember(job, ended, outcome, problem)
  local key = base .. K_HISTORY .. job.token
  call('RPUSH', key, '{"attempt":' .. job.attempt .. ',"runner":' .. cjson.encode(job.runner) .. ',"started_ms":' .. job.started
    .. ',"ended_ms":' .. ended .. ',"outcome":"' .. outcome .. '","error":' .. problem .. '}')
  call('LTRIM', key, -HISTORY_LENGTH, -1)
end
