-- basics: what every script begins with; the words (STATE, K_JOB, ...) stand for literals, see keys.py
-- flags  allow-oom
-- KEYS   1 the common beginning of the space's keys, such as qc:{main}:
local call = redis.call
local base = KEYS[1]

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
