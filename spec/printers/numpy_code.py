def numpy_assignment(e): return ""
def numpy_program(e): return ""
