-- lines: the names of lines, and where their numbers begin
-- flags  allow-oom
local CLASSES = { 'async', 'thread', 'process', 'alone' }
local URGENCIES = { 'urgent', 'high', 'normal', 'low' }

-- A job's number in its line never changes while it waits: its index in the list is the number
-- minus how many have left the head. So place and removal need no search.
local function line_start(line)
  return tonumber(call('HGET', base .. K_LINES, line) or 0)
end

-- The line of the same queue and urgency for another class of slot.
local function in_class(line, class)
  return (string.gsub(line, ':%a+:', ':' .. class .. ':'))
end

-- The lines of one class of slot in some queues, the first queue's first, in each the most urgent first.
local function lines_of(queues, runs)
  local lines = {}
  for _, queue in ipairs(queues) do
    for _, urgency in ipairs(URGENCIES) do lines[#lines + 1] = queue .. ':' .. runs .. ':' .. urgency end
  end
  return lines
end
