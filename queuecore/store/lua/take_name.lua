-- take_name: what becomes of a new job whose unique name another one holds
-- flags  -
-- Decides, and writes nothing. Returns a word for the caller ('existing', 'refused' and 'postponed': the new job is not stored;
-- 'replaced', 'waits'), the token of the other job, those that are to be withdrawn, and whether the new job has to wait for the name.
-- Nothing when the name is free.
local function meet_holder(unique)
  local holder = holder_of(unique.name, LINE, SEQ, WAITS)
  if not holder then return end
  local conflict = unique.conflict or 'existing'
  if conflict == 'postpone' then
    local is_such = holder.state ~= 'running' and ties_of(holder).unique.conflict == 'postpone'
    return is_such and 'postponed' or 'refused', holder.token
  end
  if conflict == 'existing' then return 'existing', holder.token end
  if conflict == 'refuse' or conflict == 'replace' and holder.state == 'running' then return 'refused', holder.token end
  local behind = call('ZRANGE', base .. K_FOLLOWERS .. unique.name, 0, 0)[1]
  local follower = behind and read(behind, LINE, SEQ, WAITS)
  if conflict == 'replace' then return 'replaced', holder.token, follower and { follower, holder } or { holder }, false end
  if follower then return 'replaced', follower.token, { follower }, true end
  if holder.state == 'running' then return 'waits', holder.token, {}, true end
  return 'replaced', holder.token, { holder }, false
end

-- For jobs that are stored together or not at all: the token of the job for whose sake one of them would be refused.
local function refused_together(n)
  local first, seen = cjson.decode(string.sub(ARGV[2], TOKEN_LENGTH + 1)), {}
  if first.idempotency and find_request(first) then return nil end
  for index = 1, n do
    local token, options = string.sub(ARGV[2 * index], 1, TOKEN_LENGTH), string.sub(ARGV[2 * index], TOKEN_LENGTH + 1)
    local ties = options ~= '' and cjson.decode(options).ties
    local unique = ties and ties.unique
    if unique and call('EXISTS', job_key(token)) == 0 then
      local word, other = meet_holder(unique)
      if word == 'refused' then return other end
      if unique.conflict == 'refuse' and seen[unique.name] then return seen[unique.name] end
      seen[unique.name] = seen[unique.name] or token
    end
  end
  return nil
end

-- A later request takes the place of one that has not started: it brings its arguments, and another quiet time, but no more
-- than the longest wait of the first. The first write is one that is refused when there is no memory.
local function postpone(token, spec, ties, now)
  local job = read(token, LINE, WAITS, DUE, CREATED)
  call('HSET', job.key, SPEC, spec, TIES, cjson.encode(ties))
  if job.state == 'scheduled' then
    local unique = ties.unique
    local due = integer(math.max(tonumber(job[DUE]), math.min(now + unique.quiet, job[CREATED] + unique.longest)))
    call('ZADD', base .. K_SCHEDULED, due, token)
    change(job, DUE, due)
  elseif job.state == 'waiting' then
    -- Its limits may be others now: a claim looks again.
    leave_waiting(job)
    move(job, 'queued', SEQ, to_front(job[LINE] or DEFAULT_LINE, token))
  else
    change(job)
  end
end
