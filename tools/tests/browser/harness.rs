//! Running tests as test programs do: listing them, choosing by name, one after the other.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::process::ExitCode;

/// A test and its name.
pub struct Test {
    pub name: &'static str,
    pub run: fn() -> Pin<Box<dyn Future<Output = ()>>>,
}

/// A list of tests, each with its path for a name.
macro_rules! tests {
    ($($module:ident :: $name:ident),* $(,)?) => {
        [$(crate::harness::Test {
            name: concat!(stringify!($module), "::", stringify!($name)),
            run: || Box::pin(crate::$module::$name()),
        }),*]
    };
}
pub(crate) use tests;

/// Does what the arguments ask for.
pub fn run(tests: &[Test]) -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let named: Vec<&String> = arguments
        .iter()
        .filter(|argument| !argument.starts_with("--") && *argument != "terse")
        .collect();
    let is_meant = |test: &&Test| {
        let is = |name: &&String| {
            let whole = test.name == name.as_str();
            whole || (!has("--exact") && test.name.contains(name.as_str()))
        };
        !has("--ignored") && (named.is_empty() || named.iter().any(is))
    };
    let meant = tests.iter().filter(is_meant);
    if has("--list") {
        meant.for_each(|test| println!("{}: test", test.name));
        return ExitCode::SUCCESS;
    }
    let (mut passed, mut failed) = (0, 0);
    for test in meant {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build();
        let runtime = runtime.unwrap();
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(|| runtime.block_on((test.run)())));
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("test {} ... {word}", test.name);
        passed += u32::from(outcome.is_ok());
        failed += u32::from(outcome.is_err());
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
