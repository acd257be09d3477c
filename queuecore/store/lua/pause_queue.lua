-- pause_queue: a queue is not claimed from until it is resumed
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   queue · who and why (JSON)
-- reply  1 if it was not paused before, else 0: the first word on it stands
-- No runner is idle for a paused queue, so that nobody is woken, or handed a job, for nothing.
local queue = ARGV[1]
local new = call('HSETNX', base .. K_PAUSED, queue, integer(clock_ms()) .. ' ' .. ARGV[2])
for _, runs in ipairs(CLASSES) do call('DEL', base .. K_IDLE .. queue .. ':' .. runs) end
return new
