-- take_name: what becomes of a new job whose unique name another one holds
-- flags  -
-- Decides, and writes nothing. Returns a word for the caller ('existing' and 'refused': the new job is not stored; 'replaced',
-- 'waits'), the token of the other job, those that are to be withdrawn, and whether the new job has to wait for the name.
-- Nothing when the name is free.
local function meet_holder(unique)
  local holder = holder_of(unique.name, LINE, SEQ, WAITS)
  if not holder then return end
  local conflict = unique.conflict or 'existing'
  if conflict == 'existing' then return 'existing', holder.token end
  if conflict == 'refuse' or conflict == 'replace' and holder.state == 'running' then return 'refused', holder.token end
  local behind = call('ZRANGE', base .. K_FOLLOWERS .. unique.name, 0, 0)[1]
  local follower = behind and read(behind, LINE, SEQ, WAITS)
  if conflict == 'replace' then return 'replaced', holder.token, follower and { follower, holder } or { holder }, false end
  if follower then return 'replaced', follower.token, { follower }, true end
  if holder.state == 'running' then return 'waits', holder.token, {}, true end
  return 'replaced', holder.token, { holder }, false
end
