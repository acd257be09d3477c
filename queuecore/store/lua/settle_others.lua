-- settle_others: settles attempts that did not complete, and those of tied jobs
-- flags  allow-oom
-- ARGV   (part of advance) for each attempt: verb · its name · payload
-- Settles what did not complete. What goes back to the front of a line does so last and in its own order,
-- whatever the order of the outcomes.
local function settle_others(running, first, fenced, now)
  local verbs = { complete = complete_tied, retry = retry, fail = fail, release = release, stop = stop, recover = recover }
  local args = ARGV
  local left, given_back, places = {}, {}, {}
  local function settle(at)
    local token, attempt = split_name(args[at + 1])
    if verbs[args[at]](token, attempt, args[at + 2], now) then
      left[#left + 1] = args[at + 1]
    else
      fenced[#fenced + 1] = token
    end
  end
  for at = first, #args, 3 do
    if args[at] == 'release' or args[at] == 'recover' then
      local token = split_name(args[at + 1])
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
