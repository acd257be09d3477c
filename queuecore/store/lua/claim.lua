-- claim: hand the oldest jobs of some lines, the first ones first, to one runner
-- from   queued
-- to     running
-- flags  allow-oom
-- ARGV   (part of advance)
-- Adds the names of the attempts to `names`. Returns, flat: token, spec; for a job's later attempts, instead of its spec,
-- what later_attempt says; and how many there are.
local MOST_SET_ASIDE = 150

-- Jumps over places that cancelled jobs left at the head, of which there can be very many in a row. Returns how many.
local function skip_holes(line)
  local key, skipped = base .. K_LINE_OF .. line, 0
  repeat
    local heads, n = call('LRANGE', key, 0, 999), 0
    while heads[n + 1] == '' do n = n + 1 end
    if n > 0 then call('LTRIM', key, n, -1) end
    skipped = skipped + n
  until n < 1000
  call('HINCRBY', base .. K_LINES, line, skipped)
  return skipped
end

-- One question tells which of the lines may have jobs, however many queues there are. Also returns how many were set aside;
-- as many as may be in one call means that there can be more to claim.
local function claim(runner, slots, lines, now, names)
  local claims, n, others, listed, aside = {}, 0, #names, 0, 0
  local claimed = runner .. ' ' .. now
  for index, open in ipairs(call('SMISMEMBER', base .. K_OPEN, unpack(lines))) do
    local line, more = lines[index], open == 1
    while more and n < slots and aside < MOST_SET_ASIDE do
      local wanted = slots - n
      local taken = call('LPOP', base .. K_LINE_OF .. line, integer(wanted)) or {}
      more = #taken == wanted
      local holes = 0
      for _, token in ipairs(taken) do
        local key = base .. K_JOB .. token
        local values = token ~= '' and call('HMGET', key, STATE, SPEC)
        if values and values[1] == 'queued 0' then
          call('HSET', key, STATE, 'running 1', CLAIMED, claimed)
          n = n + 1
          names[others + n], claims[2 * n - 1], claims[2 * n] = token, token, values[2]
        elseif values then
          local earlier, mark = string.match(values[1] or '', '^queued (%d+)(.*)$')
          local attempt = earlier and integer(earlier + 1)
          local name = earlier and name_of(token, attempt)
          if not earlier then
            count('orphans', 1)
          elseif mark ~= '' and not seldom().may_start(token, name, now) then
            aside = aside + 1
          else
            call('HSET', key, STATE, 'running ' .. attempt .. mark, CLAIMED, claimed)
            n = n + 1
            names[others + n], claims[2 * n - 1] = name, token
            claims[2 * n] = later_attempt(key, values[2], attempt, mark)
          end
        else
          holes = holes + 1
        end
      end
      if #taken > 0 then call('HINCRBY', base .. K_LINES, line, integer(#taken)) end
      if holes > 0 then
        if more and n < slots then holes = holes + skip_holes(line) end
        call('HINCRBY', base .. K_LINES, line .. '.holes', -holes)
      end
      -- Who is set aside may leave its room to another one, which then stands in this line.
      if not more and aside > 0 then more = call('EXISTS', base .. K_LINE_OF .. line) == 1 end
      if not more then call('SREM', base .. K_OPEN, line) end
      -- At once, so that what the next line may be refused for leaves no job without its runner.
      for first = others + listed + 1, others + n, 1000 do
        call('SADD', base .. K_RUNNING .. runner, unpack(names, first, math.min(first + 999, others + n)))
      end
      listed = n
    end
  end
  return claims, n, aside
end
