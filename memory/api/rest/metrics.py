"""Numbers about the service, in the form that Prometheus reads."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from memory.api.rest.service import Service
from memory.memory import Memory
from memory.search.answer import SearchResult

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What is counted while the service runs."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            "harkback_requests_total", "Requests.", ("method", "route", "status"), registry=self.registry
        )
        self._took = Histogram(
            "harkback_request_seconds", "Time of requests.", ("route",), buckets=_BUCKETS, registry=self.registry
        )
        self._legs = Histogram(
            "harkback_search_leg_seconds",
            "Time of a search's legs.",
            ("leg",),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._faults = Counter(
            "harkback_search_faults_total", "Legs that could not run.", ("leg",), registry=self.registry
        )
        self._sizes = Gauge("harkback_size_bytes", "Size of the store.", ("part",), registry=self.registry)
        self._records = Gauge("harkback_records", "Records.", ("kind",), registry=self.registry)
        self._lag = Gauge("harkback_index_lag", "Changes the keyword index has not seen.", registry=self.registry)
        self._feed_lag = Gauge("harkback_feed_lag", "Changes live readers were not told.", registry=self.registry)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(method, route, str(status)).inc()
        self._took.labels(route).observe(seconds)

    def search(self, result: SearchResult) -> None:
        """Count a search, leg by leg."""
        for leg in result.legs:
            self._legs.labels(leg.name).observe(leg.took_ms / 1000)
            if leg.fault:
                self._faults.labels(leg.name).inc()

    def measure(self, service: Service, memory: Memory) -> None:
        """Take up what is measured when it is asked for."""
        for part, size in memory.store.sizes().items():
            self._sizes.labels(part).set(size)
        for kind, count in memory.stats().counts.items():
            self._records.labels(kind).set(count)
        self._lag.set(memory.index_lag())
        self._feed_lag.set(service.feed_lag())


def exposition(service: Service, memory: Memory) -> str:
    """Write all numbers."""
    service.metrics.measure(service, memory)
    return generate_latest(service.metrics.registry).decode()
