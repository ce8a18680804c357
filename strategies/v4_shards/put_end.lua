end

return {decide(), how, credited_seq}
