-- schedule: what waits for its time
-- flags  allow-oom
local function next_due_ms(now)
  local next_due = -1
  for _, key in ipairs({ base .. K_SCHEDULED, base .. K_CLOCK }) do
    local first = call('ZRANGE', key, 0, 0, 'WITHSCORES')
    local due = first[1] and math.max(0, first[2] - now)
    if due and (next_due < 0 or due < next_due) then next_due = due end
  end
  return next_due
end
