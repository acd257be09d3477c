-- advance: a runner settles attempts and claims new jobs, in one call
-- flags  allow-oom
-- KEYS   1 the space's beginning
-- ARGV   runner · lane · call number · number of completed attempts · number of asks
--        · for each ask: class of slot · slots (0: it takes no more of these) · number of queues · the queues, the first first
--        · names of the completed attempts · their results (msgpack)
--        · for each attempt that ended otherwise: verb · its name · payload
-- reply  {1 or 0: is the runner still registered, fenced tokens, for each ask the claims as claim says,
--        ms until the next scheduled job or -1};
--        the same call number again, after a lost reply, gives the same answer and changes nothing
local runner, number, completed = ARGV[1], ARGV[3], tonumber(ARGV[4])
local running = base .. K_RUNNING .. runner
local memory = base .. K_CALL .. runner .. ':' .. ARGV[2]
local now = clock_ms()
local now_text = integer(now)

-- The answer to a call that was already carried out: names from memory, the rest is still in the jobs.
local function repeated(answer)
  local registered, refused, names = string.match(answer, '^(%d) (%S*) (%S*)$')
  local fenced, claims = {}, {}
  for token in string.gmatch(refused, '[^,]+') do fenced[#fenced + 1] = token end
  for of_ask in string.gmatch(names, '([^|]*)|') do
    local flat = {}
    for name in string.gmatch(of_ask, '[^,]+') do
      local token, attempt = split_name(name)
      local job = owned(token, attempt, SPEC)
      if job then
        flat[#flat + 1] = token
        local plain = attempt == '1' and job.mark == ''
        flat[#flat + 1] = plain and job[SPEC] or later_attempt(job.key, job[SPEC], attempt, job.mark)
      end
    end
    claims[#claims + 1] = flat
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

-- What the runner has room for; returns where in ARGV the next thing begins.
local asks = {}
local function read_asks(at)
  for index = 1, tonumber(ARGV[5]) do
    local ask = { runs = ARGV[at], slots = tonumber(ARGV[at + 1]), queues = {} }
    local queues = tonumber(ARGV[at + 2])
    for n = 1, queues do ask.queues[n] = ARGV[at + 2 + n] end
    asks[index] = ask
    at = at + 3 + queues
  end
  return at
end

-- Settles what did not complete. What goes back to the front of a line does so last and in its own order,
-- whatever the order of the outcomes.
local function settle_others(first, fenced)
  local verbs = { complete = complete_tied, retry = retry, fail = fail, release = release, stop = stop, recover = recover }
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

-- There may be more in a line than this runner took: passes the word on.
local function pass_on(line)
  if call('EXISTS', idle_for(line)) == 1 and call('EXISTS', base .. K_LINE_OF .. line) == 1 then wake_one(line) end
end

-- A runner that found less than it has room for is idle: it is told of the next job of these queues.
local function tell_idleness(ask, lines, claimed)
  local idle = {}
  for index, queue in ipairs(ask.queues) do idle[index] = base .. K_IDLE .. queue .. ':' .. ask.runs end
  if claimed < ask.slots then
    for _, key in ipairs(idle) do call('SADD', key, runner) end
  elseif call('EXISTS', unpack(idle)) > 0 then
    for _, key in ipairs(idle) do call('SREM', key, runner) end
    for _, line in ipairs(lines) do pass_on(line) end
  end
end

local names, said, most_aside = {}, {}, 0
local function claim_for(ask)
  local lines, before = lines_of(ask.queues, ask.runs), #names
  local claims, n, aside = {}, 0, 0
  if ask.slots > 0 then claims, n, aside = claim(runner, ask.slots, lines, now_text, names) end
  most_aside = math.max(most_aside, aside)
  tell_idleness(ask, lines, n)
  said[#said + 1] = table.concat(names, ',', before + 1) .. '|'
  return claims
end

local at = read_asks(6)
local fenced, done, claims, next_due = {}, {}, {}, -1
if completed > 0 then done = complete(running, at, completed, now_text, fenced) end
at = at + 2 * completed
if #ARGV >= at then settle_others(at, fenced) end
count('fenced', #fenced)

local registered = is_registered(runner)
if registered then
  next_due = next_due_ms(now)
  if next_due == 0 then
    promote(now, 100)
    next_due = next_due_ms(now)
  end
  for index, ask in ipairs(asks) do claims[index] = claim_for(ask) end
  if most_aside > 0 then next_due = most_aside < MOST_SET_ASIDE and next_due_ms(now) or 0 end
end
notify_all(done, names)
for line in pairs(pushed) do pass_on(line) end
local answer = { number, registered and '1' or '0', table.concat(fenced, ','), table.concat(said) }
call('SET', memory, table.concat(answer, ' '), 'PX', '3600000')
return { registered and 1 or 0, fenced, claims, next_due }
