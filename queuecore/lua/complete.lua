-- complete: accept attempts' results
-- from   running
-- to     completed
-- flags  allow-oom
-- ARGV   (part of advance) for each attempt: its name · result (msgpack)
-- An attempt owns its job exactly as long as its name is in its runner's set, so one question is enough for a thousand.
-- Returns the tokens; those that are refused go into `fenced`.
local function complete(running, first, last, now, fenced)
  local done = {}
  for beginning = first, last, 2000 do
    local names = {}
    for at = beginning, math.min(beginning + 1999, last), 2 do names[#names + 1] = ARGV[at] end
    local owns = call('SMISMEMBER', running, unpack(names))
    for index, name in ipairs(names) do
      local token, attempt = split_name(name)
      local key = base .. K_JOB .. token
      local new = owns[index] == 1
        and call('HSET', key, STATE, 'completed ' .. attempt, FINISHED, now, RESULT, ARGV[beginning + 2 * index - 1])
      if new == 2 then
        done[#done + 1] = token
      else
        -- Not its own; or named twice in this call, which is written once; or gone from under it, and stays so.
        if new == 3 then call('DEL', key) end
        fenced[#fenced + 1] = token
      end
    end
    call('SREM', running, unpack(names))
  end
  if #done > 0 then
    call_with_all('RPUSH', base .. K_COMPLETED, done)
    count('completed', #done)
  end
  return done
end
