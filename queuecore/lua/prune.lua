-- prune: remove ended jobs, once their files are gone
-- from   completed, failed, cancelled
-- to     -
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   retention (ms) of completed · failed · cancelled, then tokens
-- reply  flat: token, 'gone' (removed, or was not there) or the state that keeps it
local now = clock_ms()
local retention = { completed = ARGV[1], failed = ARGV[2], cancelled = ARGV[3] }
local reply, removed = {}, 0

local function remove(token, state, owner)
  if state == 'failed' then
    call('ZREM', base .. K_FAILED, token)
  elseif state == 'cancelled' then
    call('ZREM', base .. K_CANCELLED, token)
  end
  if owner then call('ZREM', base .. K_OWNED .. owner, token) end
  call('DEL', job_key(token), base .. K_HISTORY .. token, base .. K_LOG .. token)
  removed = removed + 1
end

for index = 4, #ARGV do
  local token = ARGV[index]
  local fields = call('HMGET', job_key(token), STATE, FINISHED, OWNER)
  local state = fields[1]
  local answer = 'gone'
  if state then
    if retention[state] and fields[2] + retention[state] <= now then
      remove(token, state, fields[3])
    else
      answer = state
    end
  end
  reply[#reply + 1] = token
  reply[#reply + 1] = answer
end

-- The two lists are in time order: what is gone is taken from their heads, a bounded piece at a time.
local function trim(key, belongs)
  for _ = 1, 10 do
    local heads = call('LRANGE', key, 0, 99)
    local gone = 0
    for _, token in ipairs(heads) do
      if belongs(token) then break end
      gone = gone + 1
    end
    if gone > 0 then call('LTRIM', key, gone, -1) end
    if gone < 100 then return end
  end
end
trim(base .. K_COMPLETED, function(token) return call('EXISTS', job_key(token)) == 1 end)
trim(base .. K_RECENT, function(token) return call('EXISTS', job_key(token)) == 1 end)
count('pruned', removed)
return reply
