-- promote: jobs whose time has come go to the end of their lines
-- from   scheduled
-- to     queued
-- flags  allow-oom
-- ARGV   (part of advance and heartbeat)
local function promote(now, limit)
  local due = call('ZRANGEBYSCORE', base .. K_SCHEDULED, '-inf', now, 'LIMIT', 0, limit)
  if #due == 0 then return 0 end
  for _, token in ipairs(due) do
    local key = job_key(token)
    local fields = call('HMGET', key, STATE, LINE, VERSION, WATCH)
    if fields[1] == 'scheduled' then
      local version = (fields[3] or 1) + 1
      call('HSET', key, STATE, 'queued', SEQ, to_back(fields[2] or 'normal', token), VERSION, version)
      call('HDEL', key, DUE)
      notify(fields[4], token, version)
    end
  end
  call('ZREM', base .. K_SCHEDULED, unpack(due))
  return #due
end
