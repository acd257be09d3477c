-- advance: a runner settles attempts and claims new jobs, in one call
-- uses   promote, claim, complete, retry, fail, release, stop, recover
-- flags  allow-oom
-- KEYS   1 the queue's beginning
-- ARGV   runner · lane · call number · slots · number of completed attempts · their names · their results (msgpack);
--        then for each attempt that ended otherwise: verb · its name · payload
-- reply  {1 or 0: is the runner still registered, fenced tokens, claims as claim says, ms until the next scheduled job or -1};
--        the same call number again, after a lost reply, gives the same answer and changes nothing
local runner, number, slots, completed = ARGV[1], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local running, idle = base .. K_RUNNING .. runner, base .. K_IDLE
local memory = base .. K_CALL .. runner .. ':' .. ARGV[2]
local now = clock_ms()
local now_text = integer(now)

-- The answer to a call that was already carried out: names from memory, the rest is still in the jobs.
local function repeated(answer)
  local registered, refused, names = string.match(answer, '^(%d) (%S*) (%S*)$')
  local fenced, claims = {}, {}
  for token in string.gmatch(refused, '[^,]+') do fenced[#fenced + 1] = token end
  for name in string.gmatch(names, '[^,]+') do
    local token, attempt = split_name(name)
    local job = owned(token, attempt, SPEC)
    if job then
      claims[#claims + 1] = token
      claims[#claims + 1] = attempt == '1' and job[SPEC] or later_attempt(job.key, job[SPEC], attempt)
    end
  end
  return { tonumber(registered), fenced, claims, -1 }
end

local before = call('GET', memory)
if before then
  local earlier, answer = string.match(before, '^(%d+) (.*)$')
  if earlier == number then return repeated(answer) end
  -- Sent before a call that was answered, and late: nobody waits for it, so it must claim nothing.
  if tonumber(earlier) > tonumber(number) then return { 1, {}, {}, -1 } end
end

-- Settles what did not complete. What goes back to the front of a line does so last and in its own order,
-- whatever the order of the outcomes.
local function settle_others(first, fenced)
  local verbs = { retry = retry, fail = fail, release = release, stop = stop, recover = recover }
  local left, given_back, places = {}, {}, {}
  local function settle(at)
    local token, attempt = split_name(ARGV[at + 1])
    if verbs[ARGV[at]](token, attempt, ARGV[at + 2], now_text) then
      left[#left + 1] = ARGV[at + 1]
    else
      fenced[#fenced + 1] = token
    end
  end
  for at = first, #ARGV, 3 do
    if ARGV[at] == 'release' or ARGV[at] == 'recover' then
      local token = split_name(ARGV[at + 1])
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
  if #left > 0 then call_with_all('SREM', running, left) end
end

local fenced, done, names, claims, next_due = {}, {}, {}, {}, -1
local others = 6 + 2 * completed
if completed > 0 then done = complete(running, 6, completed, now_text, fenced) end
if #ARGV >= others then settle_others(others, fenced) end
count('fenced', #fenced)

local registered = is_registered(runner)
if registered then
  next_due = next_due_ms(now)
  if next_due == 0 then
    promote(now, 100)
    next_due = next_due_ms(now)
  end
  if slots > 0 then names, claims = claim(runner, slots, now_text) end
end
notify_all(done, names)
if registered and #names < slots then
  call('SADD', idle, runner)
elseif call('EXISTS', idle) == 1 then
  call('SREM', idle, runner)
  -- There may be more in line than this runner could take, or something it just gave back: pass the word on.
  if in_line() > 0 then wake_one() end
end
local answer = { number, registered and '1' or '0', table.concat(fenced, ','), table.concat(names, ',') }
call('SET', memory, table.concat(answer, ' '), 'PX', '3600000')
return { registered and 1 or 0, fenced, claims, next_due }
