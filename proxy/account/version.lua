-- In front of the scripts that give the map a version.

-- Greater than every earlier one, even if the key was lost: the clock counts microseconds.
local function next_version(former, time)
  local clock = time[1] * 1000000 + time[2]
  return string.format('%.0f', math.max(tonumber(former or '0') + 1, clock))
end
