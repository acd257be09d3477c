-- claim: hand the oldest jobs of the most urgent lines to one runner
-- from   queued
-- to     running
-- flags  allow-oom
-- ARGV   (part of advance)
-- Returns the names of the attempts, and flat: token, spec; for a job's later attempts, instead of its spec,
-- {spec, attempt, failures, crashes, checkpoint}, '' where there is nothing.
local function later_attempt(key, spec, attempt)
  local fields = call('HMGET', key, FAILURES, CRASHES, CHECKPOINT)
  return { spec, attempt, fields[1] or '', fields[2] or '', fields[3] or '' }
end

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

-- Where jobs may stand. Nearly always that is one line, and one question about the three others is enough.
local function lines_in_use()
  local others = call('EXISTS', base .. K_LINE_OF .. 'urgent', base .. K_LINE_OF .. 'high', base .. K_LINE_OF .. 'low')
  return others == 0 and { 'normal' } or LINE_NAMES
end

local function claim(runner, slots, now)
  local names, claims, n = {}, {}, 0
  local claimed = runner .. ' ' .. now
  for _, line in ipairs(lines_in_use()) do
    local more = true
    while more and n < slots do
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
          names[n], claims[2 * n - 1], claims[2 * n] = token, token, values[2]
        elseif values then
          local earlier = values[1] and string.match(values[1], '^queued (%d+)$')
          if earlier then
            local attempt = integer(earlier + 1)
            call('HSET', key, STATE, 'running ' .. attempt, CLAIMED, claimed)
            n = n + 1
            names[n], claims[2 * n - 1] = name_of(token, attempt), token
            claims[2 * n] = later_attempt(key, values[2], attempt)
          else
            count('orphans', 1)
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
    end
  end
  if n > 0 then call_with_all('SADD', base .. K_RUNNING .. runner, names) end
  return names, claims
end
