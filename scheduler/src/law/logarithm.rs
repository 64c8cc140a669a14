//! The natural logarithm, for exponential values: half of the time that a simulated request takes
//! would go into a general one.
//!
//! A table has the logarithms of 128 numbers from 1 to 2; what is left is so near to 1 that a short
//! polynomial does. The error is some 10^-16, of the logarithm and not of its last digit, which is
//! all that a duration needs. Only additions and multiplications, so it is the same on every machine.

/// How many numbers the table has.
const COUNT: usize = 128;

/// For the middle of each part of the interval from 1 to 2: its inverse, and the logarithm of it.
static TABLE: [(f64, f64); COUNT] = table();

const fn table() -> [(f64, f64); COUNT] {
    let mut table = [(0.0, 0.0); COUNT];
    let mut place = 0;
    while place < COUNT {
        let inverse = 1.0 / (1.0 + (place as f64 + 0.5) / COUNT as f64);
        table[place] = (inverse, by_series(inverse));
        place += 1;
    }
    table
}

/// The logarithm of a number from 1/2 to 1: `2 artanh((x - 1) / (x + 1))`.
const fn by_series(x: f64) -> f64 {
    let t = (x - 1.0) / (x + 1.0);
    let mut sum = 0.0;
    // The smallest first. No term is left out that would matter: t is at most 1/3.
    let mut n = 41;
    while n > 0 {
        sum = sum * t * t + 1.0 / n as f64;
        n -= 2;
    }
    2.0 * t * sum
}

/// The logarithm of a number greater than 0 that is not subnormal.
#[inline]
pub(super) fn of(x: f64) -> f64 {
    let bits = x.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    let fraction = bits & ((1 << 52) - 1);
    let (inverse, logarithm) = TABLE[(fraction >> 45) as usize];
    let rest = f64::from_bits(fraction | 1.0_f64.to_bits()) * inverse - 1.0;
    let square = rest * rest;
    let polynomial = rest - square / 2.0
        + square * rest * (1.0 / 3.0 - rest / 4.0 + square * (1.0 / 5.0 - rest / 6.0));
    f64::from(exponent) * core::f64::consts::LN_2 - logarithm + polynomial
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logarithm() {
        let mut worst: f64 = 0.0;
        for step in 0..200_000_u32 {
            let x = (f64::from(step) + 0.5) / 200_000.0;
            worst = worst.max((of(x) - libm::log(x)).abs());
        }
        for exponent in 1..53 {
            let x = libm::pow(2.0, -f64::from(exponent)) * 1.37;
            worst = worst.max((of(x) - libm::log(x)).abs() / f64::from(exponent));
        }
        assert!(worst < 2e-15, "{worst}");
        assert!(of(1.0).abs() < 1e-15);
    }
}
