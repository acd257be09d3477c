-- prune: remove ended jobs, once their files are gone
-- from   completed, failed, cancelled
-- to     -
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   retention (ms) of completed · failed · cancelled, then tokens
-- reply  flat: token, 'gone' (removed, or was not there) or the state that keeps it
local now = clock_ms()
local retention = { completed = ARGV[1], failed = ARGV[2], cancelled = ARGV[3] }
local reply, removed = {}, 0

local function remove(job)
  local token = job.token
  if job[OWNER] then call('ZREM', base .. K_OWNED .. job[OWNER], token) end
  call('DEL', job.key, base .. K_HISTORY .. token, base .. K_LOG .. token)
  notify(token, 0)
  call('HDEL', base .. K_WATCHED, token)
  removed = removed + 1
end

for index = 4, #ARGV do
  local token = ARGV[index]
  local job = read(token, FINISHED, OWNER)
  local state = job and job.state
  local answer = 'gone'
  if state and not (retention[state] and job[FINISHED] + retention[state] <= now) then
    answer = state
  else
    -- Also where the job itself was gone before: an entry left behind would be found expired for ever.
    if state ~= 'failed' then call('ZREM', base .. K_CANCELLED, token) end
    if state ~= 'cancelled' then call('ZREM', base .. K_FAILED, token) end
    if job then remove(job) end
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
-- A job that stays for long keeps all that came after it in this list.
call('LTRIM', base .. K_RECENT, -RECENT_LENGTH, -1)
count('pruned', removed)
return reply
