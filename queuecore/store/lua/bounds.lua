-- bounds: how much there is under one name
-- flags  -
-- What counts is written when a job comes, and looked through by those that come later, oldest look first: so no transition
-- of a job knows of bounds, each entry is let go once, and the rest is looked at again only where a bound is reached.
-- A bound is {name behind K_COUNTED, amount, amount together, most or -1}.
local LOOKS = 2
local LOOKS_AT_BOUND = 100
local BOUND_KEPT = 2592000000

-- How much there is under a name, once the entries that were looked at longest ago are looked at again.
local function amount_under(name, looks, now)
  local counted, total = base .. K_COUNTED .. name, base .. K_AMOUNT .. name
  local until_removed, gone = string.sub(name, 1, 8) == 'removed:', 0
  for _, entry in ipairs(call('ZRANGE', counted, 0, looks - 1)) do
    local state = call('HGET', job_key(string.sub(entry, 1, TOKEN_LENGTH)), STATE)
    if state and (until_removed or not FINAL[string.match(state, '^%a+')]) then
      call('ZADD', counted, integer(now), entry)
    else
      call('ZREM', counted, entry)
      gone = gone + string.sub(entry, TOKEN_LENGTH + 2)
    end
  end
  if gone > 0 then call('DECRBY', total, integer(gone)) end
  if call('EXISTS', counted) == 0 then
    call('DEL', total)
    return 0
  end
  return tonumber(call('GET', total) or 0)
end

-- The same, and as exactly as it takes to know whether so much more is too much.
local function amount_with(name, more, most, now)
  local amount, before = amount_under(name, LOOKS, now), nil
  while amount + more > most and amount ~= before do
    before = amount
    amount = amount_under(name, LOOKS_AT_BOUND, now)
  end
  return amount
end

-- The name and amount of the first bound that refuses a job, and 'bound'; nothing where none does, or its key is known.
local function refuse_over_bounds(options, now)
  if options.idempotency and find_request(options) then return end
  for _, bound in ipairs(options.bounds) do
    local name, together, most = bound[1], bound[3], bound[4]
    if most >= 0 then
      local amount = amount_with(name, together, most, now)
      if amount + together > most then return name .. ' ' .. integer(amount), 'bound' end
    end
  end
end

local function count_under(bounds, token, now)
  for _, bound in ipairs(bounds) do
    local counted, total, amount = base .. K_COUNTED .. bound[1], base .. K_AMOUNT .. bound[1], integer(bound[2])
    if call('ZADD', counted, integer(now), token .. ':' .. amount) == 1 then call('INCRBY', total, amount) end
    call('PEXPIRE', counted, BOUND_KEPT)
    call('PEXPIRE', total, BOUND_KEPT)
  end
end
