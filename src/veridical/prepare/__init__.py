"""What is modelled, what is derived and what is fabricated: rules that hold by construction."""
