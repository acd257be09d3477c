-- pauses: queues that are not claimed from
-- flags  allow-oom
local function not_paused(queues)
  local left = {}
  for _, queue in ipairs(queues) do
    if call('HEXISTS', base .. K_PAUSED, queue) == 0 then left[#left + 1] = queue end
  end
  return left
end
