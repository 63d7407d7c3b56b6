def check_record(name, record):
    return []
