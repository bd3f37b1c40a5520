"""The premises of the theorems: what a machine must offer a monitor. One module a premise."""
