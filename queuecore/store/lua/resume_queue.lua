-- resume_queue: a paused queue is claimed from again, at once
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   queue
-- reply  1 if it was paused, else 0
-- Runners have forgotten that they have room for it: all that serve it are told, also by a call that is repeated.
local queue = ARGV[1]
local was_paused = call('HDEL', base .. K_PAUSED, queue)
local runners = call('HGETALL', base .. K_RUNNERS)
for index = 1, #runners, 2 do
  local said = runners[index + 1]
  for _, served in ipairs(said ~= '' and cjson.decode(said).queues or {}) do
    if served == queue then
      for _, runs in ipairs(CLASSES) do call('PUBLISH', base .. K_CONTROL .. runners[index], 'work ' .. runs) end
    end
  end
end
return was_paused
