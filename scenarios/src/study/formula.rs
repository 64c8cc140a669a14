//! The formulas of queueing theory: numbers in, numbers out.
//!
//! Times are in any unit, rates in one over it. Nothing here knows of scenarios.

/// The probability that an arrival finds all `servers` busy (Erlang C), `load` being the arrival
/// rate times the mean service time.
///
/// ```
/// use iocp_scenarios::study::formula::erlang_c;
/// // One server: the load itself. Two at 1 Erlang: one third, as in Erlang's tables.
/// assert!((erlang_c(1, 0.8) - 0.8).abs() < 1e-12);
/// assert!((erlang_c(2, 1.0) - 1.0 / 3.0).abs() < 1e-12);
/// ```
pub fn erlang_c(servers: u32, load: f64) -> f64 {
    // Erlang B by its recursion, in which nothing overflows.
    let mut blocked = 1.0;
    for busy in 1..=servers {
        blocked = load * blocked / (f64::from(busy) + load * blocked);
    }
    let each = load / f64::from(servers);
    blocked / (1.0 - each * (1.0 - blocked))
}

/// The mean wait of M/M/c.
///
/// ```
/// use iocp_scenarios::study::formula::wait_mmc;
/// let wait = wait_mmc(4, 3.2, 1.0);
/// assert!((wait - 0.7455).abs() < 1e-4);
/// ```
pub fn wait_mmc(servers: u32, rate: f64, service: f64) -> f64 {
    erlang_c(servers, rate * service) * service / (f64::from(servers) - rate * service)
}

/// The mean wait of M/G/1 (Pollaczek and Khinchine); `scv` is the service time's variance over the
/// square of its mean: 0 for M/D/1, 1 for M/M/1.
pub fn wait_mg1(rate: f64, service: f64, scv: f64) -> f64 {
    let load = rate * service;
    load * service * (1.0 + scv) / (2.0 * (1.0 - load))
}

/// About the mean wait of G/G/c (Allen and Cunneen): that of M/M/c, times the mean of the squared
/// coefficients of variation of gaps and services.
pub fn wait_ggc(servers: u32, rate: f64, service: f64, gap_scv: f64, service_scv: f64) -> f64 {
    wait_mmc(servers, rate, service) * (gap_scv + service_scv) / 2.0
}

/// How likely it is that wait and service of M/M/c, first come first served, take longer than this.
pub fn latency_exceeds_mmc(servers: u32, rate: f64, service: f64, time: f64) -> f64 {
    let delayed = erlang_c(servers, rate * service);
    let serve = 1.0 / service;
    let clear = f64::from(servers) * serve - rate;
    let exp = |rate: f64| libm::exp(-rate * time);
    // A delayed one takes a wait and a service, both exponential.
    let both = if (clear - serve).abs() < 1e-9 * serve {
        (1.0 + serve * time) * exp(serve)
    } else {
        (clear * exp(serve) - serve * exp(clear)) / (clear - serve)
    };
    (1.0 - delayed) * exp(serve) + delayed * both
}

/// The latency that this part of the requests of M/M/c stays below: 0.99 for the 99th percentile.
pub fn latency_percentile_mmc(servers: u32, rate: f64, service: f64, part: f64) -> f64 {
    let exceeds = |time| latency_exceeds_mmc(servers, rate, service, time) > 1.0 - part;
    let mut high = service;
    while exceeds(high) {
        high *= 2.0;
    }
    let mut low = 0.0;
    // Halving sixty times leaves nothing of a double.
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if exceeds(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// What is so of a closed system in the long run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Closed {
    /// Requests a unit of time.
    pub throughput: f64,
    /// From request to reply.
    pub latency: f64,
}

/// So many clients, each with one request under way or thinking, and so many servers with
/// exponential service (M/M/c with a finite population). Of the think time only its mean matters.
///
/// ```
/// use iocp_scenarios::study::formula::finite_population;
/// // One client never waits.
/// let alone = finite_population(1, 3.0, 2, 1.0);
/// assert!((alone.latency - 1.0).abs() < 1e-12);
/// assert!((alone.throughput - 0.25).abs() < 1e-12);
/// ```
pub fn finite_population(clients: u32, think: f64, servers: u32, service: f64) -> Closed {
    let n = f64::from(clients);
    let c = f64::from(servers);
    // Without thinking all are at the servers.
    let throughput = if think == 0.0 {
        n.min(c) / service
    } else {
        // The weight of `at` clients at the servers, scaled so that the largest so far is one.
        let (mut weight, mut all, mut served) = (1.0_f64, 1.0_f64, 0.0_f64);
        for at in 0..clients {
            let here = f64::from(at) + 1.0;
            weight *= (n - f64::from(at)) / think * service / here.min(c);
            all += weight;
            served += weight * here.min(c) / service;
            if weight > 1e100 {
                (all, served) = (all / weight, served / weight);
                weight = 1.0;
            }
        }
        served / all
    };
    Closed {
        throughput,
        latency: n / throughput - think,
    }
}

/// The most throughput and the least latency that a closed system can have, whatever the laws are:
/// the asymptotic bounds.
pub fn closed_bounds(clients: u32, think: f64, servers: u32, service: f64) -> Closed {
    let n = f64::from(clients);
    let c = f64::from(servers);
    Closed {
        throughput: (n / (service + think)).min(c / service),
        latency: service.max(n * service / c - think),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(is: f64, wanted: f64) {
        assert!((is - wanted).abs() <= 1e-9 * wanted.abs(), "{is} {wanted}");
    }

    #[test]
    fn one_server_is_the_same_by_every_formula() {
        close(wait_mmc(1, 0.8, 1.0), 4.0);
        close(wait_mg1(0.8, 1.0, 1.0), 4.0);
        close(wait_mg1(0.8, 1.0, 0.0), 2.0);
        close(wait_ggc(1, 0.8, 1.0, 1.0, 0.0), 2.0);
    }

    /// With one server the latency is exponential with rate 1 - 0.8.
    #[test]
    fn the_latency_of_one_server_is_exponential() {
        close(latency_exceeds_mmc(1, 0.8, 1.0, 5.0), libm::exp(-1.0));
        close(
            latency_percentile_mmc(1, 0.8, 1.0, 0.99),
            libm::log(100.0) / 0.2,
        );
        // Where clearing the queue is as fast as a service, the formula has its own branch.
        let near = latency_exceeds_mmc(2, 1.0, 1.0 - 1e-6, 2.0);
        assert!((latency_exceeds_mmc(2, 1.0, 1.0, 2.0) - near).abs() < 1e-5);
    }

    /// Two clients, one server, think and service of mean one: the states have weights 1, 2, 2.
    #[test]
    fn a_small_population_is_as_counted_by_hand() {
        let closed = finite_population(2, 1.0, 1, 1.0);
        close(closed.throughput, 4.0 / 5.0);
        close(closed.latency, 1.5);
    }

    #[test]
    fn a_large_population_keeps_to_its_bounds() {
        for clients in [1, 10, 100, 1000, 100_000] {
            let closed = finite_population(clients, 10.0, 8, 1.0);
            let bounds = closed_bounds(clients, 10.0, 8, 1.0);
            assert!(
                closed.throughput <= bounds.throughput * (1.0 + 1e-9),
                "{clients}"
            );
            assert!(closed.latency >= bounds.latency * (1.0 - 1e-9), "{clients}");
        }
        close(finite_population(100_000, 10.0, 8, 1.0).throughput, 8.0);
    }
}
