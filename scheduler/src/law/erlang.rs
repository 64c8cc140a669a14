//! The sum of exponential stages of mean 1 each.

use super::normal;

/// The share of sums of `stages` stages up to `x`: `1 - e^-x (1 + x + x²/2! + … )`.
pub(super) fn cdf(stages: u32, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    // The sum is dominated by its last terms, so it is taken from there; or, if x is small, what is
    // missing to 1 is, from the next term on, which keeps the digits of a small share.
    let last = log_term(stages - 1, x);
    if x < f64::from(stages) {
        let mut term = libm::exp(last) * x / f64::from(stages);
        let mut sum = 0.0;
        let mut stage = stages;
        while term > sum * 1e-17 {
            sum += term;
            stage += 1;
            term *= x / f64::from(stage);
        }
        return sum;
    }
    let mut term = libm::exp(last);
    let mut sum = 0.0;
    for stage in (0..stages).rev() {
        sum += term;
        term *= f64::from(stage) / x;
    }
    1.0 - sum
}

/// The logarithm of `e^-x x^k / k!`.
fn log_term(k: u32, x: f64) -> f64 {
    f64::from(k) * libm::log(x) - x - libm::lgamma(f64::from(k) + 1.0)
}

/// The sum up to which a share of `u` lies: Newton's method, which never leaves the interval that
/// is known to hold it.
pub(super) fn quantile(stages: u32, u: f64) -> f64 {
    if stages == 1 {
        return -libm::log(1.0 - u);
    }
    let count = f64::from(stages);
    // Wilson and Hilferty (1931): the cube root is nearly normal.
    let root = 1.0 - 1.0 / (9.0 * count) + normal::quantile(u) / (3.0 * libm::sqrt(count));
    let mut x = (count * root * root * root).max(count * 1e-9);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    for _ in 0..200 {
        let excess = cdf(stages, x) - u;
        if excess > 0.0 {
            high = x;
        } else {
            low = x;
        }
        let density = libm::exp(log_term(stages - 1, x));
        let mut next = x - excess / density;
        if !(next > low && next < high) {
            next = if high.is_finite() {
                (low + high) / 2.0
            } else {
                2.0 * x
            };
        }
        if (next - x).abs() <= 1e-13 * x {
            return next;
        }
        x = next;
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quantile_is_the_inverse() {
        for stages in [2, 3, 10, 1_000] {
            for u in [1e-12, 1e-3, 0.1, 0.5, 0.9, 0.999, 1.0 - 1e-12] {
                let x = quantile(stages, u);
                assert!(
                    (cdf(stages, x) - u).abs() < 1e-11 * (1.0 + u),
                    "{stages} {u}"
                );
            }
        }
    }

    /// Two stages: `1 - e^-x (1 + x)`.
    #[test]
    fn two_stages_by_hand() {
        for x in [0.01, 0.5, 1.0, 3.0, 10.0] {
            let by_hand = 1.0 - libm::exp(-x) * (1.0 + x);
            assert!((cdf(2, x) - by_hand).abs() < 1e-14, "{x}");
        }
    }
}
