"""RabbitMQ: its topology, publishing with confirms, consuming. Nothing else knows pika.

| name | is |
|---|---|
| `Topology` | what must exist, as values, under a prefix |
| `definitions` | the same as a definitions file, with least-privilege users |
| `apply`, `apply_policy` | declare it; set its numbers |
| `missing`, `drift`, `depths` | what is not there; what differs; how many alerts wait |
| `remove`, `remove_policy` | take it away again, after a demonstration or test |
| `Publisher`, `Publication`, `Outcome` | send alerts, and learn the fate of each |
| `consume`, `Received` | receive alerts, and acknowledge them by leaving a `with` |
| `masked` | an address as it may be shown |

BrokerError
├── BrokerAddressWrong   the address itself cannot be read
├── BrokerAway           no node answers, or the connection was lost: trying again helps
├── BrokerRefused        the user lacks a permission: trying again does not help
└── TopologyFault        an exchange or queue is missing, or is there with other arguments
"""

from gateway.broker.administration import (
    apply,
    apply_policy,
    depths,
    drift,
    missing,
    remove,
    remove_policy,
)
from gateway.broker.connection import (
    BrokerAddressWrong,
    BrokerAway,
    BrokerError,
    BrokerRefused,
    TopologyFault,
    masked,
)
from gateway.broker.consumer import Received, consume
from gateway.broker.publisher import MAX_BODY, Outcome, Publication, Publisher
from gateway.broker.topology import Topology, definitions

__all__ = [
    "MAX_BODY",
    "BrokerAddressWrong",
    "BrokerAway",
    "BrokerError",
    "BrokerRefused",
    "Outcome",
    "Publication",
    "Publisher",
    "Received",
    "Topology",
    "TopologyFault",
    "apply",
    "apply_policy",
    "consume",
    "definitions",
    "depths",
    "drift",
    "masked",
    "missing",
    "remove",
    "remove_policy",
]
