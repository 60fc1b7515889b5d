from memo import cached


@cached("--ttl", "1h", "--tag", "prices")
def price(name, count=1):
    with open("made.log", "a") as log:
        log.write(f"{name} x {count}\n")
    print("asking for", name)
    return {"name": name, "total": len(name) * count}
