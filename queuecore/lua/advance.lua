-- advance: a runner settles attempts and claims new jobs, in one call
-- uses   promote, claim, complete, retry, fail, release, stop, recover
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   runner · lane · call number · slots · number of outcomes, then for each: verb · token · attempt · payload
-- reply  {1 or 0: is the runner still registered, fenced tokens, claims as claim says, ms until the next scheduled job or -1};
--        the same call number again, after a lost reply, gives the same answer and changes nothing
local runner, lane, number, slots = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local memory = base .. K_CALL .. runner .. ':' .. lane
local now = clock_ms()
local now_text = integer(now)

local function words(text)
  local found = {}
  for word in string.gmatch(text, '[^,]+') do found[#found + 1] = word end
  return found
end

-- The answer to a call that was already carried out: ids from memory, the rest is still in the jobs.
local function repeated(answer)
  local registered, refused, tokens, attempts = string.match(answer, '^(%d) (%S*) (%S*) (%S*)$')
  local claims, n = {}, 0
  tokens, attempts = words(tokens), words(attempts)
  for index, token in ipairs(tokens) do
    local job = owned(token, attempts[index], SPEC)
    if job then
      claims[n + 1], claims[n + 2], claims[n + 3] = token, job.attempt, job[SPEC]
      claims[n + 4] = job.attempt ~= '1' and earlier_attempts(job.key) or ''
      n = n + 4
    end
  end
  return { tonumber(registered), words(refused), claims, -1 }
end

local before = call('GET', memory)
if before then
  local earlier, answer = string.match(before, '^(%d+) (.*)$')
  if earlier == number then return repeated(answer) end
  -- Sent before a call that was answered, and late: nobody waits for it, so it must claim nothing.
  if tonumber(earlier) > tonumber(number) then return { 1, {}, {}, -1 } end
end

local fenced, left, verbs = {}, {}, {}

function verbs.complete(token, attempt, payload)
  return complete(token, attempt, payload, now_text)
end

function verbs.fail(token, attempt, payload)
  local outcome, problem = string.match(payload, '^(%S+) (.*)$')
  return fail(token, attempt, outcome, problem, now_text)
end

function verbs.retry(token, attempt, payload)
  local outcome, delay, problem = string.match(payload, '^(%S+) (%d+) (.*)$')
  return retry(token, attempt, outcome, tonumber(delay), problem, now_text)
end

function verbs.release(token, attempt)
  return release(token, attempt, now_text)
end

function verbs.stop(token, attempt)
  return stop(token, attempt, now_text)
end

function verbs.recover(token, attempt, payload)
  return recover(token, attempt, payload, now_text)
end

local function settle(at)
  local verb, token, attempt, payload = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  if verbs[verb](token, attempt, payload) then
    left[#left + 1] = token
  else
    fenced[#fenced + 1] = token
  end
end

-- What goes back to the front of a line does so last and in its own order, whatever the order of the outcomes.
local given_back, places = {}, {}
for at = 6, 2 + 4 * tonumber(ARGV[5]), 4 do
  if ARGV[at] == 'release' or ARGV[at] == 'recover' then
    local token = ARGV[at + 1]
    if not places[token] then
      given_back[#given_back + 1], places[token] = token, {}
    end
    table.insert(places[token], at)
  else
    settle(at)
  end
end
sort_latest_first(given_back)
for _, token in ipairs(given_back) do
  for _, at in ipairs(places[token]) do settle(at) end
end
if #left > 0 then call_with_all('SREM', base .. K_RUNNING .. runner, left) end
if #completed > 0 then
  call_with_all('RPUSH', base .. K_COMPLETED, completed)
  count('completed', #completed)
  notify_all(completed)
end
count('fenced', #fenced)

local registered = is_registered(runner) and 1 or 0
local tokens, attempts, claims, next_due = {}, {}, {}, -1
local drained = false
if registered == 1 then
  promote(now, 100)
  if slots > 0 then tokens, attempts, claims = claim(runner, slots, now_text) end
  notify_all(tokens)
  drained = #tokens < slots
end
if drained then
  call('SADD', base .. K_IDLE, runner)
  next_due = next_due_ms(now)
else
  call('SREM', base .. K_IDLE, runner)
  -- There may be more in line than this runner could take, or something it just gave back: pass the word on.
  if call('EXISTS', base .. K_IDLE) == 1 and in_line() > 0 then wake_one() end
end
local answer = { number, registered, table.concat(fenced, ','), table.concat(tokens, ','), table.concat(attempts, ',') }
call('SET', memory, table.concat(answer, ' '), 'PX', '3600000')
return { registered, fenced, claims, next_due }
