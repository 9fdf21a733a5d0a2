use std::{
    fmt,
    hint::black_box,
    time::{Duration, Instant},
};

/// How many inputs are made ahead of the clock at once. So many still fit the caches.
const BATCH: u64 = 64;

/// Something that can be done over and over.
pub struct Operation(Box<dyn Repeat>);

impl Operation {
    /// An operation that needs nothing. What it returns is dropped within its time.
    pub fn new<O>(mut run: impl FnMut() -> O + 'static) -> Self {
        Self(Box::new(Plain(move || drop(black_box(run())))))
    }

    /// An operation that uses something up, which `setup` makes outside of its time.
    pub fn with_input<I: 'static, O>(
        setup: impl FnMut() -> I + 'static,
        mut run: impl FnMut(I) -> O + 'static,
    ) -> Self {
        let run = move |input| drop(black_box(run(input)));
        Self(Box::new(WithInput { setup, run }))
    }

    /// How long it takes to do it so many times.
    pub fn time(&mut self, times: u64) -> Duration {
        self.0.time(times)
    }

    /// Does it once, inside of `around`.
    pub fn once(&mut self, around: &mut dyn FnMut(&mut dyn FnMut())) {
        self.0.repeat(1, around);
    }

    /// Does it so many times, inside of one `around`.
    pub fn repeat(&mut self, times: u32, around: &mut dyn FnMut(&mut dyn FnMut())) {
        self.0.repeat(times, around);
    }
}

impl fmt::Debug for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Operation").finish_non_exhaustive()
    }
}

trait Repeat {
    fn time(&mut self, times: u64) -> Duration;
    fn repeat(&mut self, times: u32, around: &mut dyn FnMut(&mut dyn FnMut()));
}

struct Plain<R>(R);

impl<R: FnMut()> Repeat for Plain<R> {
    fn time(&mut self, times: u64) -> Duration {
        let start = Instant::now();
        for _ in 0..times {
            self.0();
        }
        start.elapsed()
    }

    fn repeat(&mut self, times: u32, around: &mut dyn FnMut(&mut dyn FnMut())) {
        around(&mut || (0..times).for_each(|_| self.0()));
    }
}

struct WithInput<S, R> {
    setup: S,
    run: R,
}

impl<I, S: FnMut() -> I, R: FnMut(I)> Repeat for WithInput<S, R> {
    fn time(&mut self, times: u64) -> Duration {
        let mut inputs = Vec::new();
        let mut time = Duration::ZERO;
        let mut left = times;
        while left > 0 {
            let batch = left.min(BATCH);
            inputs.extend((0..batch).map(|_| (self.setup)()));
            let start = Instant::now();
            for input in inputs.drain(..) {
                (self.run)(input);
            }
            time += start.elapsed();
            left -= batch;
        }
        time
    }

    fn repeat(&mut self, times: u32, around: &mut dyn FnMut(&mut dyn FnMut())) {
        let mut inputs: Vec<_> = (0..times).map(|_| (self.setup)()).collect();
        around(&mut || {
            for input in inputs.drain(..) {
                (self.run)(input);
            }
        });
    }
}
