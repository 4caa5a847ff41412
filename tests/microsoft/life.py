"""The life of captures with azure-mgmt-network, against the service whose address and certificate are given."""

import sys
import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.mgmt.network import NetworkManagementClient

address, certificate = sys.argv[1:]
SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
WATCHER = ("NetworkWatcherRG", "NetworkWatcher_westeurope")
COMPUTE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Compute"
ACCOUNT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/logs"


class Credential:
    def get_token(self, *scopes, **_):
        return AccessToken("a-token", int(time.time()) + 3600)


client = NetworkManagementClient(
    Credential(),
    SUBSCRIPTION,
    base_url=address,
    credential_scopes=[f"{address}/.default"],
    connection_verify=certificate,
    polling_interval=1,
)
captures = client.packet_captures


def live(name, properties):
    made = captures.begin_create(*WATCHER, name, {"properties": properties}).result()
    assert made.name == name and made.provisioning_state == "Succeeded", made
    assert captures.get(*WATCHER, name).etag == made.etag
    assert name in [capture.name for capture in captures.list(*WATCHER)]
    status = captures.begin_get_status(*WATCHER, name).result()
    assert status.packet_capture_status == "Running", status
    captures.begin_stop(*WATCHER, name).result()
    status = captures.begin_get_status(*WATCHER, name).result()
    # Of a scale set it is a sentence.
    assert status.packet_capture_status == "Stopped" and "Manual" in status.stop_reason, status
    captures.begin_delete(*WATCHER, name).result()
    try:
        captures.get(*WATCHER, name)
        raise AssertionError("it is still there")
    except ResourceNotFoundError as error:
        assert error.error.code == "NotFound", error
    print(name, "lived")
    return made


machine = f"{COMPUTE}/virtualMachines/web1"
classic = live(
    "classic",
    {
        "target": machine,
        "storageLocation": {"storageId": ACCOUNT},
        "timeLimitInSeconds": 300,
        "filters": [{"protocol": "Tcp", "localPort": "80;443;"}, {"remoteIPAddress": "10.0.0.1-10.0.0.9"}],
    },
)
assert classic.filters[0].protocol == "TCP" and classic.total_bytes_per_session == 1 << 30, classic
assert "/virtualmachines/web1/" in classic.storage_location.storage_path, classic
ring = live(
    "ring",
    {
        "target": machine,
        "storageLocation": {"localPath": "/var/captures/ring.cap"},
        "continuousCapture": True,
        "captureSettings": {"fileCount": 2, "fileSizeInBytes": 102400, "sessionTimeLimitInSeconds": 60},
    },
)
assert ring.continuous_capture is True and ring.time_limit_in_seconds is None, ring
live(
    "set",
    {
        "target": f"{COMPUTE}/virtualMachineScaleSets/front",
        "targetType": "AzureVMSS",
        "scope": {"include": ["0"], "exclude": []},
        "storageLocation": {"storageId": ACCOUNT},
    },
)
try:
    wrong = {"target": machine, "storageLocation": {"storageId": ACCOUNT}, "timeLimitInSeconds": 18001}
    captures.begin_create(*WATCHER, "wrong", {"properties": wrong}).result()
    raise AssertionError("18,001 seconds were taken")
except HttpResponseError as error:
    assert error.status_code == 400 and "18000" in str(error), error
print("done")
