-- Shared by the scripts that ask what happened to the fields an answer reads (stamps.py).

-- The newest generation that concerns any of the fields.
local function newest(stamps, fields)
  local generation = 0
  for _, stamp in ipairs(redis.call('HMGET', stamps, unpack(fields))) do
    generation = math.max(generation, tonumber(stamp or 0) or 0)
  end
  return generation
end

-- The fields given as arguments from the n-th on.
local function fields_from(n)
  local fields = {}
  for i = n, #ARGV do
    fields[#fields + 1] = ARGV[i]
  end
  return fields
end

local function split(named)
  local fields = {}
  for field in string.gmatch(named, '[^,]+') do
    fields[#fields + 1] = field
  end
  return fields
end

-- Those that are not of days and hours (stamps.py).
local function but_times(fields)
  local left = {}
  for _, field in ipairs(fields) do
    if not string.match(field, '^%d') then
      left[#left + 1] = field
    end
  end
  return left
end

-- A test for whether what an invalidation *named* concerns the fields.
local function concern_of(...)
  local reads = {}
  for _, fields in ipairs({...}) do
    for _, field in ipairs(fields) do
      reads[field] = true
    end
  end
  return function(named)
    for field in string.gmatch(named, '[^,]+') do
      if reads[field] then
        return true
      end
    end
    return false
  end
end
