//! A tab as the pages' code sees it: one of a browser of its own, over the connection that the crate has.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use browser::{
    Argument, Browser, Call, CallError, Connection, Driver, Frame, Frames, Limits, NodeHandle,
    Object, Options,
};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::chromium::{Chromium, serve};

/// Long enough for a loaded machine; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// One tab, 1280 to 800.
pub struct Tab {
    driver: Arc<Connection>,
    inner: browser::Tab,
    port: u16,
    _browser: Browser,
    _chromium: Chromium,
}

impl Tab {
    /// Opens one of the pages beside these tests, and waits until it is loaded.
    pub async fn open(page: &str) -> Self {
        let chromium = Chromium::start();
        let stream = TcpStream::connect(&chromium.authority).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let path = chromium.url.split_once(&chromium.authority).unwrap().1;
        let driver = Arc::new(Connection::open(stream, path).await.unwrap());
        let shared: Arc<Connection> = Arc::clone(&driver);
        // The largest pages take long to load on a loaded machine, and are to be loaded when they are looked at.
        let limits = Limits {
            call: PATIENCE,
            load: PATIENCE,
            ..Limits::default()
        };
        let options = Options {
            limits,
            ..Options::default()
        };
        let browser = Browser::attach(shared, options).await.unwrap();
        let this = Self {
            driver,
            inner: browser.open_tab().await.unwrap(),
            port: serve(),
            _browser: browser,
            _chromium: chromium,
        };
        let window =
            json!({ "width": 1280, "height": 800, "deviceScaleFactor": 1, "mobile": false });
        this.call("Emulation.setDeviceMetricsOverride", window)
            .await;
        this.navigate(page).await;
        this
    }

    /// Shows another page.
    pub async fn navigate(&self, page: &str) {
        let url = format!("http://127.0.0.1:{}/{page}", self.port);
        self.inner.navigate(&url).await.unwrap();
    }

    /// The value of an expression in the page's own world.
    pub async fn run(&self, script: &str) -> Value {
        let params = json!({ "expression": script, "returnByValue": true, "awaitPromise": true });
        let mut answer = self.call("Runtime.evaluate", params).await;
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].take()
    }

    /// A call about the page.
    pub async fn call(&self, method: &'static str, params: Value) -> Value {
        let top = self.inner.frames().remove(0);
        let call = Call {
            session: Some(top.session),
            method,
            params,
            within: PATIENCE,
            though_held: false,
        };
        self.driver.call(call).await.unwrap()
    }
}

#[async_trait]
impl Frames for Tab {
    fn frames(&self) -> Vec<Frame> {
        self.inner.frames()
    }

    async fn evaluate(&self, frame: &Frame, script: &str) -> Result<Value, CallError> {
        self.inner.evaluate(frame, script).await
    }

    async fn evaluate_object(&self, frame: &Frame, script: &str) -> Result<Object, CallError> {
        self.inner.evaluate_object(frame, script).await
    }

    async fn call_function(
        &self,
        this: &Object,
        function: &str,
        arguments: Vec<Argument>,
    ) -> Result<Value, CallError> {
        self.inner.call_function(this, function, arguments).await
    }

    async fn call_function_object(
        &self,
        this: &Object,
        function: &str,
        arguments: Vec<Argument>,
    ) -> Result<Object, CallError> {
        self.inner
            .call_function_object(this, function, arguments)
            .await
    }

    async fn resolve(&self, node: &NodeHandle) -> Result<Object, CallError> {
        self.inner.resolve(node).await
    }

    async fn describe(
        &self,
        node: &NodeHandle,
        depth: i32,
        pierce: bool,
    ) -> Result<Value, CallError> {
        self.inner.describe(node, depth, pierce).await
    }

    async fn release(&self, object: &Object) {
        self.inner.release(object).await;
    }
}
