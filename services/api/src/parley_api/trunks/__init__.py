"""SIP trunks."""
