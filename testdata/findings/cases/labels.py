"""What a case is called, and what has to be found of it."""

SERVER = "10.9.0.20"
CLIENT = "10.9.0.4"
PUBLIC = "203.0.113.80"
PLATFORM = "168.63.129.16"
METADATA = "169.254.169.254"
CASES = []


def case(committed=True, hard=False):
    """Registers a case. `hard` ones are those about which reasonable people may disagree."""
    def register(function):
        CASES.append({"name": function.__name__.replace("_", "-"), "make": function, "doc": function.__doc__.strip(),
                      "is_committed": committed, "is_hard": hard})
        return function
    return register


def expect(detector, *subjects, severity="note", ports=()):
    """A finding that has to be there: its detector, at least this severity, about these addresses and ports."""
    return {"detector": detector, "severity": severity, "addresses": list(subjects), "ports": list(ports)}


def label(*expected, may=()):
    """What has to be found, and what may be found besides because it is true as well. Nothing else may."""
    return {"expect": list(expected), "may": list(may)}
