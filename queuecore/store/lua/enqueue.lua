-- enqueue: put new jobs at the end of a line, or one into the hands of a runner that has nothing to do
-- from   -
-- to     queued, scheduled, waiting, running
-- flags  -
-- KEYS   1 the space's beginning
-- ARGV   the line, then for each job: token, and right behind it its options (JSON) unless it is a plain job · spec (msgpack)
--        options: delay (ms), owner, max_crashes, idempotency (key), fingerprint, window (ms), ties (see ties), bounds (see bounds),
--        follows (the job before it, and is not stored where that one's key is known or a bound refuses it), together (with the
--        first: all or none)
-- reply  flat array of the exceptions: index from 1, a word, token of the other job; empty when all are new and met nobody.
--        Not stored: 'known' (the same id again, a repeated call after a lost reply), 'same' or 'conflict' (of the idempotency
--        key), 'existing', 'postponed' or 'refused' (of the unique name); 'bound', and the name of a bound, a space and how much
--        is under it. Stored: 'replaced' or 'waits', see take_name
local now = clock_ms()
local created = integer(now)
local exceptions, recent, timed = {}, {}, 0

local line = ARGV[1]
local line_key, is_default = base .. K_LINE_OF .. line, line == DEFAULT_LINE
local length = call('LLEN', line_key)
local next_place, queued = line_start(line) + length, {}

local function except(index, reason, token)
  local n = #exceptions
  exceptions[n + 1], exceptions[n + 2], exceptions[n + 3] = index, reason, token
end

local function stand_in_line(token)
  queued[#queued + 1] = token
  next_place = next_place + 1
end

local function enqueue_with_options(key, token, spec, options, has_to_wait)
  local fields = { SPEC, spec, CREATED, created }
  local function field(word, value, ...)
    fields[#fields + 1] = word
    fields[#fields + 1] = value
    if ... then field(...) end
  end
  local mark = ''
  if options.ties then
    mark = TIED
    field(TIES, cjson.encode(options.ties))
  end
  if not is_default then field(LINE, line) end
  if options.max_crashes then field(MAX_CRASHES, options.max_crashes) end
  if options.owner then
    field(OWNER, options.owner)
    call('ZADD', base .. K_OWNED .. options.owner, now, token)
  end
  if options.bounds then seldom().count_under(options.bounds, token, now) end
  local unique = options.ties and options.ties.unique
  if unique and not has_to_wait then call('HSET', base .. K_UNIQUE, unique.name, token) end
  if has_to_wait then
    field(STATE, 'waiting 0' .. mark)
    field(SEQ, 0)
    if options.delay then field(DUE, integer(now + options.delay)) end
    field(seldom().set_aside(token, line, nil, 'unique', unique.name, K_FOLLOWERS))
  elseif options.delay then
    local due = now + options.delay
    field(STATE, 'scheduled 0' .. mark)
    field(DUE, integer(due))
    field(SEQ, 0)
    call('ZADD', base .. K_SCHEDULED, due, token)
    timed = timed + 1
  else
    local obstacle = options.ties and seldom().obstacle_of(options.ties, now)
    if obstacle then
      seldom().remember_waiters(obstacle, now)
      timed = timed + (obstacle.interval and 1 or 0)
      field(STATE, 'waiting 0' .. mark)
      field(SEQ, 0)
      field(seldom().set_aside(token, line, nil, 'limit', obstacle.name, K_WAITERS))
    else
      field(STATE, 'queued 0' .. mark)
      field(SEQ, integer(next_place))
      stand_in_line(token)
    end
  end
  call('HSET', key, unpack(fields))
  recent[#recent + 1] = token
end

-- Nearly always all are new: one question for all of them.
local keys, n, known = {}, 0, 0
for at = 2, #ARGV, 2 do
  local token = ARGV[at]
  if #token > TOKEN_LENGTH then token = string.sub(token, 1, TOKEN_LENGTH) end
  n = n + 1
  keys[n] = base .. K_JOB .. token
end
for first = 1, n, 1000 do
  known = known + call('EXISTS', unpack(keys, first, math.min(first + 999, n)))
end

if n > 1 and string.find(ARGV[2], '"together":true', TOKEN_LENGTH + 1, true) and known < n then
  local holder = seldom().refused_together(n)
  if holder then
    for index = 1, n do except(index, 'refused', holder) end
    return exceptions
  end
end

local new, led_to, led_reason = {}, nil, nil
for index = 1, n do
  local key, token, spec = keys[index], ARGV[2 * index], ARGV[2 * index + 1]
  if new[key] or known > 0 and call('EXISTS', key) == 1 then
    except(index, 'known', string.sub(token, 1, TOKEN_LENGTH))
  elseif #token == TOKEN_LENGTH then
    new[key] = true
    if is_default then
      call('HSET', key, STATE, 'queued 0', SPEC, spec, CREATED, created, SEQ, integer(next_place))
    else
      call('HSET', key, STATE, 'queued 0', SPEC, spec, CREATED, created, SEQ, integer(next_place), LINE, line)
    end
    local alone = n == 1 and length == 0 and #spec <= SPEC_IN_MESSAGE
    if not (alone and hand_over(line, token, spec, created)) then stand_in_line(token) end
    recent[#recent + 1] = token
  else
    local options = cjson.decode(string.sub(token, TOKEN_LENGTH + 1))
    token = string.sub(token, 1, TOKEN_LENGTH)
    local earlier, reason
    if options.follows then
      earlier, reason = led_to, led_reason
    elseif options.idempotency or options.bounds then
      if options.bounds then earlier, reason = seldom().refuse_over_bounds(options, now) end
      if options.idempotency and not earlier then earlier, reason = seldom().find_request(options) end
      led_to, led_reason = earlier, reason
    end
    if earlier then
      except(index, reason, earlier)
    else
      local stands_for, out, has_to_wait = token, nil, false
      if options.ties and options.ties.unique then
        local word, other
        word, other, out, has_to_wait = seldom().meet_holder(options.ties.unique)
        if word then except(index, word, other) end
        if word and not out then stands_for = word ~= 'refused' and other or nil end
        if word == 'postponed' then seldom().postpone(other, spec, options.ties, now) end
      end
      -- First, since what needs memory is refused before anything has changed.
      if options.idempotency and stands_for then seldom().remember_request(stands_for, options) end
      if stands_for == token then
        new[key] = true
        enqueue_with_options(key, token, spec, options, has_to_wait)
      end
      if out then
        -- One of them may be of this call, which must be in line by now to leave it.
        if #queued > 0 then
          call('SADD', base .. K_OPEN, line)
          call_with_all('RPUSH', line_key, queued)
          length, queued, timed = 1, {}, timed + 1
        end
        -- The one that waits for a name goes before the one that holds it.
        for _, job in ipairs(out) do seldom().withdraw(job, created) end
      end
    end
  end
end

if #queued > 0 then
  if length == 0 then call('SADD', base .. K_OPEN, line) end
  call_with_all('RPUSH', line_key, queued)
end
call_with_all('RPUSH', base .. K_RECENT, recent)
count('enqueued', #recent)
-- A job that waits for a time wakes a runner too: it learns from its empty claim when that is.
if #queued > 0 or timed > 0 then wake_one(line) end
if made then seldom().wake_pushed() end
return exceptions
