use super::Server;
use crate::function::Signature;
use crate::{FunctionError, Provider, Value};

impl<P: Provider> Server<P> {
    /// The function of that name, by which its arguments are read.
    pub(crate) fn signature(&self, name: &str) -> Result<&Signature, FunctionError> {
        let entry = self.functions.get(name);
        entry
            .map(|entry| &entry.signature)
            .ok_or_else(|| FunctionError::new(format!("The provider {} has no function {name}.", P::NAME)))
    }

    /// The function's result.
    pub(crate) fn call_function(&self, name: &str, arguments: Vec<Value>) -> Result<Value, FunctionError> {
        let signature = self.signature(name)?;
        let object = signature.checked(signature.object(arguments)?)?;
        let entry = self.functions.get(name).ok_or_else(|| FunctionError::new("no such function"))?;
        let result = entry.function.call(object)?;
        if self.strict && !signature.takes_unknown && !result.is_wholly_known() {
            let text = format!(
                "{name}: the result has unknown parts. The rule: a function of known arguments has a known \
                 result. This is a bug of the provider; report it to the provider's authors."
            );
            return Err(FunctionError::new(text));
        }
        Ok(result)
    }
}
