-- promote: jobs whose time has come go to the end of their lines, and those that a rate has room for go on
-- from   scheduled
-- to     queued
-- flags  allow-oom
-- ARGV   (part of advance and heartbeat)
local function promote(now, limit)
  promote_by_rate(now)
  local due = call('ZRANGEBYSCORE', base .. K_SCHEDULED, '-inf', now, 'LIMIT', 0, limit)
  if #due == 0 then return 0 end
  for _, token in ipairs(due) do
    local job = read(token, LINE)
    if job and job.state == 'scheduled' then
      call('HDEL', job.key, DUE)
      move(job, 'queued', SEQ, to_back(job[LINE] or DEFAULT_LINE, token))
    end
  end
  call('ZREM', base .. K_SCHEDULED, unpack(due))
  return #due
end
