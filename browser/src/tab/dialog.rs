//! Answers dialogs.

use serde_json::json;

use super::Tab;
use crate::driver::CallError;

impl Tab {
    /// Answers the dialog that is open, and waits until it is closed. `text` is what a prompt is given.
    /// [`CallError::Gone`] if none is open.
    pub async fn answer_dialog(&self, accept: bool, text: Option<&str>) -> Result<(), CallError> {
        if self.dialog()?.is_none() {
            return Err(CallError::Gone("the dialog"));
        }
        let mut answer = json!({ "accept": accept });
        if let Some(text) = text {
            answer["promptText"] = text.into();
        }
        let method = "Page.handleJavaScriptDialog";
        self.call_though_held(method, answer).await?;
        // The page may open the next one at once; that this one was answered is all that is asked here.
        Ok(())
    }
}
