-- places: how jobs get into a line and out of it, and who is told
-- flags  allow-oom
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

-- Tells idle runners of what this call has put back in line. One that finds more than it can take wakes the next.
local function wake_pushed()
  for line, n in pairs(pushed) do
    for _ = 1, math.min(n, 4) do
      if not wake_one(line) then break end
    end
  end
end
