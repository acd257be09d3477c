-- enqueue: put new jobs at the end of a line, or one into the hands of a runner that has nothing to do
-- from   -
-- to     queued, scheduled, waiting, running
-- flags  -
-- KEYS   1 the space's beginning
-- ARGV   the line, then for each job: token, and right behind it its options (JSON) unless it is a plain job · spec (msgpack)
--        options: delay (ms), owner, max_crashes, unique (key), fingerprint, window (ms), ties (see limits), bounds (see bounds),
--        follows (the job before it, and is not stored where that one's key is known or a bound refuses it)
-- reply  flat array of the exceptions: index from 1, 'known' | 'unique' | 'conflict', token of the job that was there,
--        or 'bound', the name of a bound, a space and how much is under it;
--        empty when all are new. 'known': the same id again, a repeated call after a lost reply
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

local function enqueue_with_options(key, token, spec, options)
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
  if options.delay then
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
    elseif options.unique or options.bounds then
      if options.bounds then earlier, reason = seldom().refuse_over_bounds(options, now) end
      if options.unique and not earlier then earlier, reason = seldom().take_key(token, options) end
      led_to, led_reason = earlier, reason
    end
    if earlier then
      except(index, reason, earlier)
    else
      new[key] = true
      enqueue_with_options(key, token, spec, options)
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
return exceptions
