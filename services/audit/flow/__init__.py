"""Auditing is the flow of an audit, Releasing that of a release; both ask processors through Asking."""
