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

local before = call('GET', memory)
if before then
  local earlier, answer = string.match(before, '^(%d+) (.*)$')
  if earlier == number then return seldom().repeated(answer) end
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
local function claim_for(ask, paused)
  if paused then
    ask.queues = seldom().not_paused(ask.queues)
    if #ask.queues == 0 then
      said[#said + 1] = '|'
      return {}
    end
  end
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
if #ARGV >= at then seldom().settle_others(running, at, fenced, now_text) end
count('fenced', #fenced)

local registered = is_registered(runner)
if registered then
  next_due = next_due_ms(now)
  if next_due == 0 then
    seldom().promote(now, 100)
    next_due = next_due_ms(now)
  end
  local paused = #asks > 0 and call('EXISTS', base .. K_PAUSED) == 1
  for index, ask in ipairs(asks) do claims[index] = claim_for(ask, paused) end
  if most_aside > 0 then next_due = most_aside < MOST_SET_ASIDE and next_due_ms(now) or 0 end
end
notify_all(done, names)
for line in pairs(pushed) do pass_on(line) end
local answer = { number, registered and '1' or '0', table.concat(fenced, ','), table.concat(said) }
call('SET', memory, table.concat(answer, ' '), 'PX', '3600000')
return { registered and 1 or 0, fenced, claims, next_due }
